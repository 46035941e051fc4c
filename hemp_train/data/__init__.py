"""Readers of data sets in their standard files, and augmentation."""

"""Figures and tables about the methods; each takes the training as a function, and knows no data."""

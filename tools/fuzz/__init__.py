"""Fuzzing of the decoders: targets for libFuzzer, their seeds and corpora, and native against reference."""

"""Drawn pages, models and training of the SGL demo pair."""

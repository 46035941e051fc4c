"""Recipes: from data in a folder to a `.hemp` file and its accuracy, one command each."""

from __future__ import annotations

from hemp_train.recipes import images, lenets
from hemp_train.recipes.base import Recipe

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*lenets.RECIPES, *images.RECIPES)}

"""Nets that read several things of a row together: numbers, categories, texts, images, series."""

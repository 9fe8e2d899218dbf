"""The nouns of Gristmill: the library that the stages are made of."""

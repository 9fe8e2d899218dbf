"""Text to token ids and back: the tokenizer, what it costs, and the packed stream."""

"""The words of Tocsin: what an article, an event and a dead letter are, and how each is written as bytes.

Pure: the standard library and orjson, nothing else. No clock, no network, no file is touched on import.
"""

"""The reading: what an article says, sentence by sentence, and how sure that is.

Pure given a file: no Kafka, no clock, no network.
"""

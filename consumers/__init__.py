"""The outside: Kafka, Faust, the command line. Thin; decisions are made in `detect`, `models` and `schemas`."""

"""Plain Kafka clients, and the only place that knows them."""

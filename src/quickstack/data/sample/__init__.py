"""The built-in data set: invented customer subscriptions, with planted faults."""

"""What operators see of a running server: numbers, health, logs, traces."""

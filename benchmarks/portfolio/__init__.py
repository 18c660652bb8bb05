"""Which params to try first: measured on many open tables, and learned from that."""

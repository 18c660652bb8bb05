"""The loop: a free device gets the next fit, and every result is acted on."""

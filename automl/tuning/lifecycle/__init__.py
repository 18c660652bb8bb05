"""The phases of a search: start, resume, finish, and reruns and refits after it."""

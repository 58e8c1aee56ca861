"""The demo: a sample repository, and a scripted agent that works on it. Imports nothing by itself."""

"""HTTP: validate, call one thing, answer. docs/api.md lists the routes.

gate/                       what every request passes, and what one process keeps
sync/ search/ sessions/     the routes, a room a family: `paths.py` has the handlers
about/                      health, metrics, OpenAPI
shapes.py examples.py       sessions and messages as they look outside, and examples for the schema
"""

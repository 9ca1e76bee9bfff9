"""The service about itself: health, metrics, and its OpenAPI schema."""

"""What thinks about frames: prices, rollups, reports. Polars only; knows neither `service` nor `indexing`."""

"""What runs inside workloads. Light: the standard library and telemetry; torch, Ray and transformers where a recipe needs them."""

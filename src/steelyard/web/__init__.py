"""The dashboard: pages Runs and Run, live, on 127.0.0.1 behind a token. `server.serve` starts it; `views` says what it shows."""

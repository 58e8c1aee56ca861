"""What the control plane costs, measured: `python -m benchmarks NAME`. One package for each benchmark."""

// Package inferencepb has the gRPC messages and the service of the Open Inference Protocol V2. `make proto` generates
// them from open_inference.proto. The package does not convert tensors into rows: package inference does.
package inferencepb

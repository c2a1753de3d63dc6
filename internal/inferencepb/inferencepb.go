// Package inferencepb has the gRPC messages and the service of the Open Inference Protocol V2, as `make proto` generates
// them from open_inference.proto. It does not convert tensors into rows: that is package inference.
package inferencepb

package main

import (
	"bufio"
	"bytes"
	"os"
	"testing"
)

func TestWrite(t *testing.T) {
	want, err := os.ReadFile("../passengers.csv")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	out := bufio.NewWriter(&got)
	write(out)
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("passengers.csv is not what this program writes: go run ./examples/passengers > examples/passengers.csv")
	}
}

package child

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// exitMemory is the exit code of a child that exceeds its limit of memory.
const exitMemory = 3

// watchInterval is how often a child compares its memory with the limit. A program can touch about 20 MB in it.
const watchInterval = 10 * time.Millisecond

// Serve is the body of the hidden command: it reads a request, limits the memory of this process, calls do, and writes
// what do reports and returns. It ends the process if in ends before do returns, or if the memory exceeds the limit.
func Serve(in io.Reader, out io.Writer, do func(input json.RawMessage, step func(any) error) (Answer, *Failure)) error {
	reader := bufio.NewReader(in)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if r.Memory > 0 {
		debug.SetMemoryLimit(r.Memory / 10 * 9) // from there on, collect garbage instead of growing
		sacrifice(r.Memory)
		go watch(r.Memory)
	}
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, reader)
		select {
		case <-done:
		default:
			os.Exit(1) // the parent is gone
		}
	}()
	encoder := json.NewEncoder(out)
	answer, failure := do(r.Input, func(step any) error {
		b, err := json.Marshal(step)
		if err != nil {
			return err
		}
		return encoder.Encode(message{Step: b})
	})
	close(done)
	if failure != nil {
		return encoder.Encode(message{Failure: failure})
	}
	if err := encoder.Encode(message{Result: answer.Result, Body: len(answer.Body)}); err != nil {
		return err
	}
	_, err = out.Write(answer.Body)
	return err
}

// watch ends the process when it has more memory than the limit.
func watch(limit int64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	for range time.Tick(watchInterval) {
		metrics.Read(samples)
		if used := samples[0].Value.Uint64() - samples[1].Value.Uint64(); used > uint64(limit) {
			os.Exit(exitMemory)
		}
	}
}

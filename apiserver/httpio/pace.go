package httpio

import "time"

// pace is how fast a body arrives. A body may stand still for StallTimeout, and it must arrive at MinRate on average.
// Only the time counts in which the server waits for the client: an object store that is slow to take an upload is not
// the fault of the client.
type pace struct {
	began    time.Time
	armed    time.Time     // when the read deadline was last set, at first by the server
	paused   time.Time     // since when the handler does not read, zero while it reads
	idle     time.Duration // in which the handler did not read
	received int64         // bytes
	read     bool          // the handler has begun to read
	ended    bool          // the body has been read to its end, or cannot be read any further
}

// resume notes that the handler reads again. It reports whether the deadline should move.
func (p *pace) resume(now time.Time) bool {
	if p.paused.IsZero() {
		return false
	}
	p.idle += now.Sub(p.paused)
	p.paused = time.Time{}
	return p.rearm(now)
}

// pause notes that n bytes have arrived. It reports whether the deadline should move.
func (p *pace) pause(now time.Time, n int) bool {
	p.received += int64(n)
	p.paused = now
	return p.rearm(now)
}

// rearm reports whether the deadline is old: a new one for each read would be waste.
func (p *pace) rearm(now time.Time) bool {
	const interval = StallTimeout / 8
	if now.Sub(p.armed) <= interval {
		return false
	}
	p.armed = now
	return true
}

// deadline returns when the next bytes must have arrived.
func (p *pace) deadline(now time.Time) time.Time {
	allowed := StallTimeout + time.Duration(float64(p.received)/MinRate*float64(time.Second))
	return now.Add(min(StallTimeout, allowed-now.Sub(p.began)+p.idle))
}

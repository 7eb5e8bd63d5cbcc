// A typical sweep in Go: a raw socket, one goroutine that receives, and <at once> goroutines that send and wait for a reply.
// sweep <first address> <count> <at once> <timeout ms>
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	first := binary.BigEndian.Uint32(net.ParseIP(os.Args[1]).To4())
	count, _ := strconv.Atoi(os.Args[2])
	atOnce, _ := strconv.Atoi(os.Args[3])
	timeout, _ := strconv.Atoi(os.Args[4])

	conn, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		panic(err)
	}
	raw, _ := conn.(*net.IPConn).SyscallConn()
	raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, 8<<20) })
	id := uint16(os.Getpid())
	waiting := make([]chan bool, count)
	for i := range waiting {
		waiting[i] = make(chan bool, 1)
	}

	start, used := time.Now(), cpu()
	go receive(conn, id, first, waiting)
	var next, replies, rejected, silent int64 = -1, 0, 0, 0
	var group sync.WaitGroup
	for worker := 0; worker < atOnce; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			timer := time.NewTimer(time.Hour)
			for i := int(atomic.AddInt64(&next, 1)); i < count; i = int(atomic.AddInt64(&next, 1)) {
				address := make(net.IP, 4)
				binary.BigEndian.PutUint32(address, first+uint32(i))
				if _, err := conn.WriteTo(echo(id, uint16(i)), &net.IPAddr{IP: address}); err != nil {
					panic(err)
				}
				timer.Reset(time.Duration(timeout) * time.Millisecond)
				select {
				case alive := <-waiting[i]:
					if alive {
						atomic.AddInt64(&replies, 1)
					} else {
						atomic.AddInt64(&rejected, 1)
					}
					if !timer.Stop() {
						<-timer.C
					}
				case <-timer.C:
					atomic.AddInt64(&silent, 1)
				}
			}
		}()
	}
	group.Wait()
	fmt.Printf("{\"items\":%d,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"reply\":%d,\"unreachable\":%d,\"timeout\":%d}\n",
		count, time.Since(start).Seconds(), cpu()-used, replies, rejected, silent)
}

func receive(conn net.PacketConn, id uint16, first uint32, waiting []chan bool) {
	packet := make([]byte, 1500)
	for {
		length, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		message, alive := packet[:length], true
		target := from.(*net.IPAddr).IP.To4()
		if length >= 36 && message[0] == 3 {
			alive, target = false, message[24:28]
			message = message[8+int(message[8]&15)*4:]
		}
		kind := byte(0)
		if !alive {
			kind = 8
		}
		if len(message) < 8 || message[0] != kind || binary.BigEndian.Uint16(message[4:]) != id {
			continue
		}
		index := int(binary.BigEndian.Uint32(target) - first)
		if index >= 0 && index < len(waiting) && uint16(index) == binary.BigEndian.Uint16(message[6:]) {
			select {
			case waiting[index] <- alive:
			default:
			}
		}
	}
}

func echo(id, sequence uint16) []byte {
	packet := make([]byte, 64)
	packet[0] = 8
	binary.BigEndian.PutUint16(packet[4:], id)
	binary.BigEndian.PutUint16(packet[6:], sequence)
	sum := uint32(0)
	for i := 0; i < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(packet[2:], ^uint16(sum))
	return packet
}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

// A typical SOCKS5 proxy in Go: CONNECT only, with a goroutine and io.Copy, which uses splice(2), for each direction.
// socks <port> <device>
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

var dialer net.Dialer

func main() {
	device := os.Args[2]
	dialer.Control = func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = syscall.BindToDevice(int(fd), device) }); e != nil {
			return e
		}
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		client, err := listener.Accept()
		if err == nil {
			go serve(client.(*net.TCPConn))
		}
	}
}

func serve(client *net.TCPConn) {
	defer client.Close()
	var bytes [262]byte
	read := func(n int) bool { _, err := io.ReadFull(client, bytes[:n]); return err == nil }
	if !read(2) || bytes[0] != 5 || !read(int(bytes[1])) {
		return
	}
	client.Write([]byte{5, 0})
	if !read(10) || bytes[1] != 1 || bytes[3] != 1 {
		return
	}
	address := fmt.Sprintf("%v:%d", net.IP(bytes[4:8]), binary.BigEndian.Uint16(bytes[8:]))
	upstream, err := dialer.Dial("tcp", address)
	if err != nil {
		client.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	defer upstream.Close()
	client.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	done := make(chan bool)
	go func() {
		io.Copy(upstream, client)
		upstream.(*net.TCPConn).CloseWrite()
		done <- true
	}()
	io.Copy(client, upstream)
	client.CloseWrite()
	<-done
}

package naming_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
)

// clientHello is the first record of the standard library's client.
func clientHello(t testing.TB, name string, quic bool) []byte {
	t.Helper()
	if quic {
		return quicHello(t, name)
	}
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		_ = tls.Client(client, &tls.Config{ServerName: name, NextProtos: []string{"h2"}}).HandshakeContext(context.Background()) // ends with the pipe
		client.Close()
	}()
	head := make([]byte, 5)
	if _, err := io.ReadFull(server, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(server, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// quicHello is the ClientHello, without records, that a QUIC client sends.
func quicHello(t testing.TB, name string) []byte {
	t.Helper()
	q := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{ServerName: name, NextProtos: []string{"h3"}, MinVersion: tls.VersionTLS13}})
	defer q.Close()
	q.SetTransportParameters([]byte{})
	if err := q.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for {
		switch ev := q.NextEvent(); ev.Kind {
		case tls.QUICWriteData:
			return slices.Clone(ev.Data)
		case tls.QUICNoEvent:
			t.Fatal("no hello")
		}
	}
}

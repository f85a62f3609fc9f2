package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"haechi"
	"haechi/client"
)

// A sensor that reports every minute and obeys commands.
func Example() {
	secret, err := os.ReadFile("/etc/sensor/key") // from haechi devices key
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.New(client.Config{
		Servers: []string{"gate.example.com:1500"},
		Protocol: client.SignedLines{Device: "sensor-1",
			Key: haechi.Key{ID: "k1", Secret: haechi.Secret(strings.TrimSpace(string(secret)))}},
		TLS:     &tls.Config{MinVersion: tls.VersionTLS12},
		Handler: func(m client.Message) { fmt.Println("told:", m.Event) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() {
		for range time.Tick(time.Minute) {
			if err := c.Send("reading", map[string]float64{"temperature": 21.5}); err != nil {
				fmt.Println(err) // the queue is full, or the frame is wrong
			}
		}
	}()
	if err := c.Run(ctx); err != nil {
		fmt.Println(err)
	}
}

// A bot's phone that binds what it says to the signature, behind an own CA.
func ExampleMessengerbot() {
	ca, err := os.ReadFile("dev-ca.crt")
	if err != nil {
		fmt.Println(err)
		return
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	c, err := client.New(client.Config{
		Servers: []string{"gate.example.com:1491", "gate.example.com:1492"},
		TLS:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		Protocol: client.Messengerbot{Bot: "LOA.i", DeviceID: "0123456789abcdef", Bind: true,
			Key: haechi.Key{ID: "k1", Secret: haechi.Secret(os.Getenv("SECRET_KEY")), Salt: haechi.Secret(os.Getenv("BOT_SALT"))}},
		Handler: func(m client.Message) {
			if m.Event == "messageResponse" {
				fmt.Printf("answer %s, %d bytes\n", m.Body, len(m.Tail))
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.SendMessage(client.Chat("개발", "미나", "!시간")); err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
}

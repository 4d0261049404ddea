// Pub/Sub in memory over gRPC, for tests: pstest of Google's Go client, on a port of its own choice.
// The first line on stdout is {"address": "127.0.0.1:PORT"}. Each line on stdin is a command, each
// answered by one line; the server ends with its stdin.
//
//	{"topic": NAME}                                            creates a topic
//	{"subscription": NAME, "topic": NAME, "exactly_once": B}   creates a subscription
//	{"publish": TOPIC, "data": TEXT, "attributes": {...}}      -> {"id": ID}
//	{"messages": true}     -> {"messages": [{id, data, attributes, deliveries, acks}, ...]}
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
)

type command struct {
	Topic        string            `json:"topic"`
	Subscription string            `json:"subscription"`
	ExactlyOnce  bool              `json:"exactly_once"`
	Publish      string            `json:"publish"`
	Data         string            `json:"data"`
	Attributes   map[string]string `json:"attributes"`
	Messages     bool              `json:"messages"`
}

type message struct {
	ID         string            `json:"id"`
	Data       string            `json:"data"`
	Attributes map[string]string `json:"attributes"`
	Deliveries int               `json:"deliveries"`
	Acks       int               `json:"acks"`
}

func run(server *pstest.Server, c command) (any, error) {
	ctx := context.Background()
	switch {
	case c.Subscription != "":
		_, err := server.GServer.CreateSubscription(ctx, &pb.Subscription{
			Name: c.Subscription, Topic: c.Topic, AckDeadlineSeconds: 10,
			EnableExactlyOnceDelivery: c.ExactlyOnce,
		})
		return map[string]string{"subscription": c.Subscription}, err
	case c.Publish != "":
		answer, err := server.GServer.Publish(ctx, &pb.PublishRequest{
			Topic:    c.Publish,
			Messages: []*pb.PubsubMessage{{Data: []byte(c.Data), Attributes: c.Attributes}},
		})
		if err != nil {
			return nil, err
		}
		return map[string]string{"id": answer.MessageIds[0]}, nil
	case c.Topic != "":
		_, err := server.GServer.CreateTopic(ctx, &pb.Topic{Name: c.Topic})
		return map[string]string{"topic": c.Topic}, err
	case c.Messages:
		messages := []message{}
		for _, m := range server.Messages() {
			messages = append(messages, message{m.ID, string(m.Data), m.Attributes, m.Deliveries, m.Acks})
		}
		return map[string]any{"messages": messages}, nil
	}
	return nil, fmt.Errorf("no such command")
}

func main() {
	pstest.SetMinAckDeadline(time.Second)
	server := pstest.NewServerWithAddress("127.0.0.1:0")
	out := json.NewEncoder(os.Stdout)
	_ = out.Encode(map[string]string{"address": server.Addr})
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // the process ends, and what holds streams with it
		}
		var c command
		var answer any
		if err = json.Unmarshal(line, &c); err == nil {
			answer, err = run(server, c)
		}
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		_ = out.Encode(answer)
	}
}

// Pub/Sub in memory over gRPC, for tests: pstest of Google's Go client, on a port of its own choice.
// The first line on stdout is {"address": "127.0.0.1:PORT"}. Each line on stdin is a command, each
// answered by one line; the server ends with its stdin.
//
//	{"topic": NAME}                                            creates a topic
//	{"subscription": NAME, "topic": NAME, "exactly_once": B}   creates a subscription
//	{"publish": TOPIC, "data": TEXT, "attributes": {...}}      -> {"id": ID}
//	{"messages": true}     -> {"messages": [{id, topic, data, attributes, ordering_key, deliveries, acks}, ...]}
//	{"count": true}        -> {"count": N}, of these messages
//	{"topics": true}       -> {"topics": [NAME, ...]}
//	{"fault": {...}}       what happens to publish requests from now on; {} ends it
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type command struct {
	Topic        string            `json:"topic"`
	Subscription string            `json:"subscription"`
	ExactlyOnce  bool              `json:"exactly_once"`
	Publish      string            `json:"publish"`
	Data         string            `json:"data"`
	Attributes   map[string]string `json:"attributes"`
	Messages     bool              `json:"messages"`
	Count        bool              `json:"count"`
	Topics       bool              `json:"topics"`
	Fault        *fault            `json:"fault"`
}

// A publish request waits for DelayMS. Then it fails with Code (of gRPC; 0: it does not), if one of its
// messages contains Match; only each Every-th such request, if that is not 0.
type fault struct {
	DelayMS int    `json:"delay_ms"`
	Code    uint32 `json:"code"`
	Text    string `json:"text"`
	Match   string `json:"match"`
	Every   int    `json:"every"`
}

// The current fault. pstest calls React() with its lock held: requests wait one after another.
type faultReactor struct {
	mu    sync.Mutex
	fault fault
	count int // of requests that match
}

func (r *faultReactor) set(f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault, r.count = f, 0
}

func (r *faultReactor) React(request any) (bool, any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.fault
	time.Sleep(time.Duration(f.DelayMS) * time.Millisecond)
	if f.Code == 0 {
		return false, nil, nil
	}
	for _, m := range request.(*pb.PublishRequest).Messages {
		if strings.Contains(string(m.Data), f.Match) {
			if r.count++; f.Every != 0 && r.count%f.Every != 0 {
				break
			}
			return true, nil, status.Error(codes.Code(f.Code), f.Text)
		}
	}
	return false, nil, nil
}

type message struct {
	ID          string            `json:"id"`
	Topic       string            `json:"topic"`
	OrderingKey string            `json:"ordering_key"`
	Data        string            `json:"data"`
	Attributes  map[string]string `json:"attributes"`
	Deliveries  int               `json:"deliveries"`
	Acks        int               `json:"acks"`
}

func run(server *pstest.Server, faults *faultReactor, c command) (any, error) {
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
	case c.Fault != nil:
		faults.set(*c.Fault)
		return map[string]any{}, nil
	case c.Topics:
		answer, err := server.GServer.ListTopics(ctx, &pb.ListTopicsRequest{Project: "projects/test"})
		names := []string{}
		for _, t := range answer.GetTopics() {
			names = append(names, t.Name)
		}
		return map[string]any{"topics": names}, err
	case c.Count:
		return map[string]int{"count": len(server.Messages())}, nil
	case c.Messages:
		messages := []message{}
		for _, m := range server.Messages() {
			messages = append(messages, message{m.ID, m.Topic, m.OrderingKey, string(m.Data), m.Attributes,
				m.Deliveries, m.Acks})
		}
		return map[string]any{"messages": messages}, nil
	}
	return nil, fmt.Errorf("no such command")
}

func main() {
	pstest.SetMinAckDeadline(time.Second)
	faults := &faultReactor{}
	server := pstest.NewServerWithAddress("127.0.0.1:0",
		pstest.ServerReactorOption{FuncName: "Publish", Reactor: faults})
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
			answer, err = run(server, faults, c)
		}
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		_ = out.Encode(answer)
	}
}

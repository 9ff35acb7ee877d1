package gateways_test

import (
	"testing"
	"time"
)

// rabbitMQPreset asks the Prometheus plugin of RabbitMQ by one of the paths that
// tell queues apart, which has its own prefix of names.
func rabbitMQPreset(prefix string) preset {
	return preset{
		format: "Auto",
		questions: []question{
			{metric: "queue_depth", labels: `queue="orders"`, lua: `sum(` + prefix + `queue_messages_ready{queue="orders"})`},
			{metric: "queue_depth", by: "queue", lua: `sum(` + prefix + `queue_messages_ready, by("queue"))`},
		},
	}
}

// rabbitMQOld is how old the lengths can be that RabbitMQ shows: queues tell them
// once a second, and what collects them keeps them for as long.
const rabbitMQOld = 3 * time.Second

func TestRabbitMQThroughTrafficAndRestart(t *testing.T) {
	t.Parallel()
	r := newRabbitMQ(t, "orders", "mails")
	objects := rabbitMQPreset("rabbitmq_").objects("objects", r.metricsURL("/per-object"))
	objects = append(objects, rabbitMQPreset("rabbitmq_detailed_").objects("detailed", r.metricsURL("/detailed?family=queue_coarse_metrics"))...)
	a := startGaugeway(t, objects...)
	orders := newTraffic(t, rabbitQueue{r, "orders"})
	mails := newTraffic(t, rabbitQueue{r, "mails"})
	awaitValue(t, a, "objects_queue_depth", 0)
	orders.push(42)
	mails.push(7)
	for _, source := range []string{"objects", "detailed"} {
		awaitValue(t, a, source+"_queue_depth", 42)
		expectItems(t, a, source+"_queue_depth_by_queue", map[string]float64{"orders": 42, "mails": 7})
	}
	orders.pop(42)
	awaitValue(t, a, "objects_queue_depth", 0)
	agreeOnLength(t, a, orders, "objects_queue_depth", rabbitMQOld)
	agreeOnLength(t, a, orders, "detailed_queue_depth", rabbitMQOld)

	// What waits is on disk: while the broker is away, it is not known to be 0.
	_, waiting := orders.between(time.Now(), time.Now())
	r.stop()
	awaitNoValue(t, a, "objects_queue_depth")
	r.start()
	awaitValue(t, a, "objects_queue_depth", float64(waiting))
	awaitValue(t, a, "detailed_queue_depth", float64(waiting))

	// A queue that is deleted is gone at once.
	r.remove("mails")
	expectItems(t, a, "objects_queue_depth_by_queue", map[string]float64{"orders": float64(waiting)})
	r.remove("orders")
	awaitNoValue(t, a, "objects_queue_depth")
}

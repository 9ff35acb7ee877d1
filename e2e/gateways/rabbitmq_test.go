package gateways_test

import (
	"os"
	"testing"
	"time"
)

// queueQuestions are what is asked of RabbitMQ, whatever it is read by.
var queueQuestions = []question{
	{metric: "queue_depth", labels: "{queue: orders}"},
	{metric: "queue_depth", by: "queue"},
}

// rabbitMQPreset asks the plugin prometheus.
var rabbitMQPreset = preset{name: "rabbitmq", questions: queueQuestions}

// managementPreset asks the management API, as the user that a new broker has.
func managementPreset(t *testing.T, r *rabbitmq) preset {
	t.Helper()
	password := r.file("password")
	if err := os.WriteFile(password, []byte("guest"), 0o600); err != nil {
		t.Fatal(err)
	}
	return preset{
		name:      "rabbitmq_management",
		spec:      "basicAuth: {username: guest, passwordFile: " + password + "}",
		questions: queueQuestions,
	}
}

// rabbitMQOld is how old the lengths can be that RabbitMQ shows: queues tell them
// once a second, and what collects them keeps them for as long.
const rabbitMQOld = 3 * time.Second

func TestRabbitMQThroughTrafficAndRestart(t *testing.T) {
	t.Parallel()
	r := newRabbitMQ(t, "orders", "mails")
	objects := rabbitMQPreset.objects("objects", r.metricsURL("/per-object"))
	objects = append(objects, rabbitMQPreset.objects("detailed", r.metricsURL("/detailed"))...)
	objects = append(objects, managementPreset(t, r).objects("management", r.managementURL()+"/queues")...)
	a := startGaugeway(t, objects...)
	orders := newTraffic(t, rabbitQueue{r, "orders"})
	mails := newTraffic(t, rabbitQueue{r, "mails"})
	awaitValue(t, a, "objects_queue_depth", 0)
	orders.push(42)
	mails.push(7)
	for _, source := range []string{"objects", "detailed", "management"} {
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
	awaitNoValue(t, a, "management_queue_depth")
	r.start()
	awaitValue(t, a, "objects_queue_depth", float64(waiting))
	awaitValue(t, a, "detailed_queue_depth", float64(waiting))
	awaitValue(t, a, "management_queue_depth", float64(waiting))

	// A queue that is deleted is gone at once.
	r.remove("mails")
	expectItems(t, a, "objects_queue_depth_by_queue", map[string]float64{"orders": float64(waiting)})
	r.remove("orders")
	awaitNoValue(t, a, "objects_queue_depth")
}

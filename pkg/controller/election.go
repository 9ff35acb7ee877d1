package controller

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// timing of the leader election.
type timing struct {
	lease, renew, retry time.Duration
}

// defaultTiming is that of the components of Kubernetes: a leader that is gone
// without giving its lease up is replaced within 15 s.
var defaultTiming = timing{lease: 15 * time.Second, renew: 10 * time.Second, retry: 2 * time.Second}

// term waits to be elected, leads, and returns when the lease is lost or ctx is
// done. The lease is given up only after the work has ended, so that two
// replicas never work at the same time.
func (c *Controller) term(ctx context.Context) error {
	electing, giveUp := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), c.log))
	defer giveUp()
	elected := make(chan context.Context, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name: name,
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: c.o.Namespace, Name: name},
			Client:     c.leases.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: c.o.Identity},
		},
		LeaseDuration:   c.timing.lease,
		RenewDeadline:   c.timing.renew,
		RetryPeriod:     c.timing.retry,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { elected <- ctx },
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				c.log.Info("Leader elected", "leader", identity, "self", identity == c.o.Identity)
			},
		},
	})
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(electing)
	}()

	select {
	case <-ended:
	case <-ctx.Done():
	case leading := <-elected:
		leading, stop := context.WithCancel(leading)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		c.lead(leading)
		if ctx.Err() == nil {
			c.log.Info("Lease lost; statuses and APIServices are another replica's")
		}
	}
	giveUp()
	<-ended
	return nil
}

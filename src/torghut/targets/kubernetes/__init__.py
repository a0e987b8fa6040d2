"""The ports of procedures on Kubernetes: Git says what should be, the API server what is.

place        which cluster, namespace, repository and overlay
desired      the overlay's file that procedures write, committed and in force
delivery     how what Git says comes into force
secrets      sealed in Git, plain in the cluster
names        Kafka's objects by name
reflection   a Secret of Kafka's namespace and its copy beside the pods
brokers      how they are reached from here
kafka_*      users, their Secrets, the way to the brokers, and what is put back
workloads    Deployments, their pods, their logs, and pods that nobody declared
feed         trying keys at the feed that the options name
status       what the forwarders say of themselves
target       the ports put together, and where the records of runs are kept

Not there yet: the store's users, the Flink job. A procedure that needs one of them says so before it changes anything.
"""

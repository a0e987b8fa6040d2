"""The ports of procedures on Kubernetes: Git says what should be, the API server what is.

place          which cluster, namespace, repository and overlay
desired        what the overlay's file says that procedures write, committed and in force
desired_file   its form
delivery       how what Git says comes into force
secrets        sealed in Git, plain in the cluster
names          objects and their parts by name
reflection     a Secret of Kafka's namespace and its copy beside the pods
brokers        how they are reached from here
kafka_*        users, their Secrets, the way to the brokers, and what is put back
workloads      Deployments and the job, their pods, their logs, and pods that nobody declared
feed           trying keys at the feed that the options name
status         what the forwarders say of themselves
job            the Flink job, and savepoints that are ordered of its operator
job_objects    its objects, and which deployment of it is in force
redeployment   from which state another deployment starts
store          the object store, its users, and the state in it
lag            where the figures of lag are
target         the ports put together, and where the records of runs are kept
"""

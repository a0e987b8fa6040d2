"""Making and checking `deploy/`.

generate    the manifests that follow from the product's own tables (topics, permissions, Flink's settings)
programs    kustomize, kubeconform, Kubernetes and etcd: built from pinned Go modules
crds        the custom resources' definitions, from what their projects publish
schemas     JSON Schemas of all kinds, for kubeconform
overlays    an overlay, built: the objects it is made of
validate    every overlay builds and fits its schemas
apiserver   a real API server on this machine, to which manifests can be shown
images      both images, built over stand-ins of their bases
"""

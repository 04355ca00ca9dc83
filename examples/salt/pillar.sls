linkd:
  files:
    10-lab.yaml: salt://linkd/files/lab.yaml
  absent:
    - old-lab.yaml

# A bridge for a lab, and a namespace on it.
class { 'linkd':
  purge => true,
  files => {
    '10-lab.yaml'   => @(YAML),
      version: 1
      namespaces:
        lab: {create: true}
      links:
        br-lab: {kind: bridge, addresses: [10.8.0.1/24]}
      | YAML
    '20-guest.yaml' => @(YAML),
      version: 1
      links:
        lab:
          kind: veth
          ends:
            - {netns: host, name: ve-lab, master: br-lab}
            - netns: lab
              name: eth0
              addresses: [10.8.0.2/24]
              routes: [{to: default, via: 10.8.0.1}]
      | YAML
  },
}

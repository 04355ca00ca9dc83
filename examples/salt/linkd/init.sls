{#- What linkd wires, as the pillar says, and that it does. Salt replaces a file only once check_cmd has approved of its
    successor, whose name it adds to the command. #}
{%- set config = '/etc/linkd.d' %}
{%- for name, source in salt['pillar.get']('linkd:files', {}).items() %}
{{ config }}/{{ name }}:
  file.managed:
    - source: {{ source }}
    - template: jinja
    - user: root
    - group: root
    - mode: '0644'
    - check_cmd: /usr/sbin/linkd validate --config {{ config }} --replacing {{ config }}/{{ name }}
    - watch_in:
      - service: linkd
{% endfor %}
{%- for name in salt['pillar.get']('linkd:absent', []) %}
{{ config }}/{{ name }}:
  file.absent:
    - watch_in:
      - service: linkd
{% endfor %}
linkd:
  service.running:
    - enable: true
    - reload: true

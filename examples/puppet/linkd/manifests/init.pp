# What linkd wires, and that it does.
#
# @param files what is in the directory, by name: file contents, in the order in which they are written
# @param config the directory that linkd reads
# @param purge whether other files are removed from it
class linkd (
  Hash[Pattern[/\A[^\/\s]+\.ya?ml\z/], String] $files = {},
  String $config = '/etc/linkd.d',
  Boolean $purge = false,
) {
  file { $config:
    ensure  => directory,
    owner   => 'root',
    group   => 'root',
    mode    => '0755',
    recurse => $purge,
    purge   => $purge,
    notify  => Exec['linkd reload'],
  }

  # Puppet replaces a file only once the command has approved of its successor.
  $files.each |$file, $content| {
    file { "${config}/${file}":
      ensure       => file,
      owner        => 'root',
      group        => 'root',
      mode         => '0644',
      content      => $content,
      validate_cmd => "/usr/sbin/linkd validate --config ${config} --replacing ${config}/${file} %",
      notify       => Exec['linkd reload'],
    }
  }

  service { 'linkd':
    ensure => running,
    enable => true,
  }

  # It returns when linkd has acted on the files, and fails where something could not be done.
  exec { 'linkd reload':
    command     => '/bin/systemctl reload linkd',
    refreshonly => true,
    require     => Service['linkd'],
  }
}

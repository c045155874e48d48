#!/usr/bin/env perl
# Looks for secrets in files, in every form in which a program may have written them. usage: leaks.pl CANARIES FILE...   CANARIES: a folder, one secret a file, as it stands.
# As it is, its first eight characters, in hex, in base64 at any of its three places, also with the alphabet of URLs, URL-encoded, escaped as JSON and as SQL have it. Prints each file with the
# secret's name and the forms; exits 1 when something was found, 2 when there was nothing to look for or to look in.
use strict;
use warnings;
use MIME::Base64 qw(encode_base64);

# Of base64, only the characters that hold nothing but the secret's own bits.
sub base64_at {
	my ($place, $bytes) = @_;
	my $text = encode_base64("\0" x $place . $bytes, '');
	my $whole = int((8 * ($place + length $bytes)) / 6);
	return substr $text, (0, 2, 3)[$place], $whole - (0, 2, 3)[$place];
}

sub forms {
	my ($bytes) = @_;
	my %forms = (raw => $bytes, hex => unpack('H*', $bytes), 'hex in capitals' => uc unpack('H*', $bytes));
	$forms{"base64 at $_"} = base64_at($_, $bytes) for 0 .. 2;
	$forms{"base64url at $_"} = base64_at($_, $bytes) =~ tr{+/}{-_}r for 0 .. 2;
	my $text = $bytes =~ /^[\x20-\x7e]+$/;
	$forms{beginning} = substr $bytes, 0, 8 if $text;
	$forms{'URL-encoded'} = $bytes =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
	$forms{'URL-encoded, as JavaScript'} = $bytes =~ s/([^A-Za-z0-9._~!*'()-])/sprintf '%%%02X', ord $1/ger;
	$forms{'URL-encoded small'} = $bytes =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02x', ord $1/ger;
	$forms{JSON} = $bytes =~ s/(["\\])/\\$1/gr;
	$forms{'JSON with slashes'} = $bytes =~ s/(["\\\/])/\\$1/gr;
	$forms{SQL} = $bytes =~ s/'/''/gr;
	return \%forms;
}

sub contents {
	my ($path) = @_;
	open my $f, '<:raw', $path or return;
	local $/;
	return scalar <$f>;
}

my ($folder, @files) = @ARGV;
my %secrets = map { (split m{/})[-1] => forms(contents($_)) } glob "$folder/*";
exit 2 unless %secrets && @files;
my $found = 0;
for my $file (@files) {
	my $text = contents($file);
	next unless defined $text;
	for my $name (sort keys %secrets) {
		my @forms = grep { index($text, $secrets{$name}{$_}) >= 0 } sort keys %{$secrets{$name}};
		next unless @forms;
		print "$file: holds the secret '$name' (", join(', ', @forms), ")\n";
		$found = 1;
	}
}
exit $found;

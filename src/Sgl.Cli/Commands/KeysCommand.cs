using System.CommandLine;
using System.Globalization;
using Sgl.Access;
using Sgl.Cli.Internal;
using Sgl.Hosting;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl keys</c>: makes API keys, and the hashes that a router keeps of them.</summary>
internal static class KeysCommand
{
    public static Command Create(Terminal terminal) => new("keys", "Makes API keys for a router, which keeps their hashes only.")
    {
        New(terminal), Hash(terminal),
    };

    private static Command New(Terminal terminal)
    {
        var name = new Argument<string>("name") { Description = "What the key is called in logs and metrics: letters, digits, '-', '_' and '.'." };
        var file = new Option<string?>("--file") { Description = "The router's file of keys (Access:KeysFile), to which the key's hash is added; made where there is none.", HelpName = "FILE" };
        var requests = Limit("--requests", "Most calls per minute. Default: no limit.");
        var tokens = Limit("--tokens", "Most prompt and generated tokens per minute. Default: no limit.");
        var concurrent = Limit("--concurrent", "Most calls at once. Default: no limit.");
        var routes = new Option<string[]>("--routes") { Description = "Routes that requests may take: auto, small, large. Default: all.", HelpName = "ROUTE", AllowMultipleArgumentsPerToken = true };
        routes.AcceptOnlyFromAmong("auto", "small", "large");
        var policies = new Option<string[]>("--policies") { Description = "Policies that requests may name; none may then bring its own. Default: all.", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
        var tenant = new Option<string?>("--tenant") { Description = "Keys of one tenant share caches. Default: each key has its own.", HelpName = "NAME" };
        var days = new Option<int?>("--days") { Description = "Days after which the key is no longer accepted. Default: never.", HelpName = "N", CustomParser = Parsers.Count };
        var command = new Command("new", "Makes a key and prints it, once: alone on standard output, so that it can be piped into a secret store.")
        {
            name, file, requests, tokens, concurrent, routes, policies, tenant, days,
        };
        command.SetAction(result =>
        {
            var key = ApiKey.Create();
            var entry = new KeyOptions
            {
                Name = result.GetValue(name)!,
                Hash = ApiKey.Hash(key),
                RequestsPerMinute = result.GetValue(requests),
                TokensPerMinute = result.GetValue(tokens),
                MaxConcurrent = result.GetValue(concurrent),
                Routes = result.GetValue(routes) ?? [],
                Policies = result.GetValue(policies) ?? [],
                Tenant = result.GetValue(tenant),
                Expires = result.GetValue(days) is { } count ? DateTimeOffset.UtcNow.AddDays(count) : null,
            };
            try
            {
                if (result.GetValue(file) is { } path)
                {
                    KeyFiles.Add(path, entry);
                    terminal.Hint($"the hash of '{entry.Name}' is in {path}; a running router takes it over by itself. The key is shown only here:");
                }
                else
                {
                    terminal.Hint(string.Create(CultureInfo.InvariantCulture, $"for the list 'keys' of the router's file of keys:\n{KeyFiles.ToJson(entry)}\nThe key is shown only here:"));
                }
            }
            catch (SettingsFileException e)
            {
                throw new CliException(e.Message, ExitCodes.Usage, e);
            }

            Console.Out.WriteLine(key);
        });
        return command;
    }

    private static Command Hash(Terminal terminal)
    {
        var command = new Command("hash", "Reads keys from standard input, one a line, and prints their hashes. Not from the command line, which others can read.");
        command.SetAction(_ =>
        {
            while (Console.In.ReadLine() is { } line)
            {
                try
                {
                    terminal.Line(ApiKey.Hash(line.Trim()));
                }
                catch (ArgumentException e)
                {
                    throw new CliException(e.Message.Split(" (Parameter", 2)[0], ExitCodes.Usage, e);
                }
            }
        });
        return command;
    }

    private static Option<int?> Limit(string name, string description) => new(name) { Description = description, HelpName = "N", CustomParser = Parsers.Count };
}

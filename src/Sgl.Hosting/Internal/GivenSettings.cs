using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>What an operator gave a process: arguments, variables with the prefix of the environment, files. Checked for what no section would read.</summary>
internal sealed class GivenSettings
{
    /// <summary>The command line.</summary>
    public IReadOnlyList<string> Arguments { get; set; } = [];

    /// <summary>
    /// The arguments as the configuration system can read them: it throws on a switch with one dash, and ignores what is none.
    /// </summary>
    /// <returns>Keys with the argument that they came from, and what is wrong with the others.</returns>
    public static (List<(string Key, string Argument)> Keys, List<string> Errors, string[] Readable) Parse(IReadOnlyList<string> arguments)
    {
        var (keys, errors, readable) = (new List<(string, string)>(), new List<string>(), new List<string>());
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            var dashed = argument.StartsWith("--", StringComparison.Ordinal) || argument.StartsWith('/');
            var name = argument.StartsWith("--", StringComparison.Ordinal) ? argument[2..] : argument.StartsWith('/') ? argument[1..] : argument;
            var equals = name.IndexOf('=', StringComparison.Ordinal);
            if ((!dashed && (argument.StartsWith('-') || equals < 0)) || equals == 0 || name.Length == 0)
            {
                errors.Add($"'{argument}' on the command line is no setting; write --Section:Key VALUE, e.g. --Listen:Port 5100 (--help lists all).");
            }
            else if (equals > 0)
            {
                keys.Add((name[..equals], argument[..^(name.Length - equals)]));
                readable.Add(argument);
            }
            else if (i + 1 == arguments.Count || arguments[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                keys.Add((name, argument));
                errors.Add($"{argument} has no value; write {argument} VALUE or {argument}=VALUE.");
            }
            else
            {
                keys.Add((name, argument));
                readable.AddRange([argument, arguments[++i]]);
            }
        }

        return (keys, errors, [.. readable]);
    }
}

/// <summary>Refuses what is given under a section that does not exist. Unknown keys of existing sections are <see cref="SectionBinding{TOptions}"/>'s.</summary>
internal sealed class GivenSettingsValidator(IEnumerable<SettingsSection> sections, ServiceSetup setup, IConfiguration configuration) : IValidateOptions<GivenSettings>
{
    private const string Separator = "__";

    // What the host itself reads.
    private static readonly string[] Host = ["Logging", "environment", "contentRoot", "applicationName", "AllowedHosts"];

    // One file or environment may serve all services of a deployment: what is another one's is no mistake there.
    private static readonly string[] OfOtherServices = ["Engine", "Requests", "Guidance", "Router", "Access", "Bridge"];

    public ValidateOptionsResult Validate(string? name, GivenSettings options)
    {
        var (keys, errors, _) = GivenSettings.Parse(options.Arguments);
        errors.AddRange(keys.Where(k => !Knows(k.Key, [])).Select(k => Unknown(k.Argument, k.Key, "--", ":")));
        foreach (var variable in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(IsSetting).Order(StringComparer.Ordinal))
        {
            var key = variable[SglHost.EnvironmentPrefix.Length..].Replace(Separator, ":", StringComparison.Ordinal);
            if (!Knows(key, OfOtherServices))
            {
                errors.Add(Unknown(variable, key, SglHost.EnvironmentPrefix, Separator));
            }
        }

        foreach (var file in (configuration as IConfigurationRoot)?.Providers.OfType<JsonConfigurationProvider>() ?? [])
        {
            errors.AddRange(file.GetChildKeys([], null)
                .Where(k => !k.StartsWith('$') && !k.StartsWith('/') && !Knows(k, OfOtherServices))
                .Distinct(StringComparer.OrdinalIgnoreCase)
                .Select(k => Unknown($"{file.Source.Path}: {k}", k, string.Empty, ":")));
        }

        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }

    // Variables without a section are others': orchestrators announce services as SGL_ROUTER_PORT.
    private static bool IsSetting(string variable) =>
        variable.StartsWith(SglHost.EnvironmentPrefix, StringComparison.OrdinalIgnoreCase) && variable.Contains(Separator, StringComparison.Ordinal);

    private bool Knows(string key, string[] others)
    {
        var section = key.Split(':')[0];
        return (key.Contains(':', StringComparison.Ordinal) && sections.Any(s => Same(s.Name, section)))
            || (others.Length > 0 && sections.Any(s => Same(s.Name, section)))
            || Host.Any(h => Same(h, section))
            || others.Any(o => Same(o, section));
    }

    private string Unknown(string given, string key, string prefix, string separator)
    {
        var nearest = SettingKeys.Nearest(key, sections);
        var remedy = nearest is null
            ? $"the {setup.Name} service has {string.Join(", ", sections.Select(s => s.Name).Distinct().Order(StringComparer.Ordinal))} (--help lists all)"
            : $"did you mean {prefix}{nearest.Replace(":", separator, StringComparison.Ordinal)}?";
        return $"{given} is in no section of the {setup.Name} service; {remedy}";
    }

    private static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);
}

using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Sgl.Hosting.Internal;

namespace Sgl.Reference.Internal;

/// <summary>What a setting may be, in the words of its validator: it is given values that are wrong, and what it advises is collected.</summary>
internal static partial class AllowedValues
{
    /// <summary>The remedies of the validators of one setting; empty where they let everything pass.</summary>
    public static string Of(IServiceProvider services, SettingsSection section, SettingKey key)
    {
        var remedies = Wrong(key.Type)
            .SelectMany(value => Failures(services, section, key.Key, value))
            .Where(f => f.StartsWith($"{key.Key} ", StringComparison.OrdinalIgnoreCase))
            .Select(f => Remedy(f[(key.Key.Length + 1)..].TrimEnd('.')))
            .Distinct();
        return string.Join("; ", remedies);
    }

    /// <summary>Of "is -1; use 0 or more" what is to be done; of "must be 1 to 256, was -1: 8 is a good start" all but what it was.</summary>
    private static string Remedy(string failure) => failure.Split("; ", 2) is [_, var remedy]
        ? remedy
        : Found().Replace(failure, string.Empty) is var text && text.StartsWith('\'') ? text[(text.IndexOf(": ", StringComparison.Ordinal) + 2)..] : text;

    private static string[] Wrong(Type type) => type switch
    {
        _ when type == typeof(int) || type == typeof(long) => ["-1", "0", $"{int.MaxValue}"],
        _ when type == typeof(double) || type == typeof(float) => ["-1", "0", "1000000000", "NaN"],
        _ when type == typeof(TimeSpan) => ["-00:00:01", "00:00:00", "400.00:00:00"],
        _ when type == typeof(string) => ["!"],
        _ => [],
    };

    private static IEnumerable<string> Failures(IServiceProvider services, SettingsSection section, string key, string value) =>
        (IEnumerable<string>)typeof(AllowedValues)
            .GetMethod(nameof(FailuresOf), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(section.Type)
            .Invoke(null, [services, section.Name, key, value])!;

    [GeneratedRegex(", was [^:;]+")]
    private static partial Regex Found();

    private static IReadOnlyList<string> FailuresOf<TOptions>(IServiceProvider services, string section, string key, string value)
        where TOptions : class, new()
    {
        var options = new TOptions();
        new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build().GetSection(section).Bind(options);
        return [.. services.GetServices<IValidateOptions<TOptions>>()
            .Select(v => v.Validate(Options.DefaultName, options))
            .SelectMany(r => r.Failures ?? [])];
    }
}

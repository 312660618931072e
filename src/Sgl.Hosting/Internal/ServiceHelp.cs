using System.Globalization;
using System.Reflection;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Sgl.Hosting.Internal;

/// <summary>What <c>--help</c> of a service process prints: how settings are given, and each with its default and its documentation.</summary>
internal static class ServiceHelp
{
    private const int Width = 110;
    private const string Example = """{ "Listen": { "Port": 5100 } }""";

    /// <summary>The command line of an application that is only built to tell its settings.</summary>
    public static string[] Arguments { get; } = ["--help=true"];

    /// <summary>Whether an application was built with <see cref="Arguments"/>.</summary>
    public static bool IsForHelp(IConfiguration configuration) => configuration["help"] == "true";

    public static bool IsAsked(IEnumerable<string> arguments) => arguments.Any(a => a is "--help" or "-h" or "-?" or "/?" or "help");

    public static void Write(IServiceProvider services, TextWriter output)
    {
        var setup = services.GetRequiredService<ServiceSetup>();
        output.WriteLine($"""
            The {setup.Name} service of SGL.

            Settings come from appsettings.json beside the program, from environment variables, and from the command line; later ones win.
              in the file              {Example}
              as a variable            {SglHost.EnvironmentPrefix}Listen__Port=5100
              on the command line      --Listen:Port 5100

            Exit codes: 0 ended in order, 2 wrong settings, 3 a port cannot be bound, 4 the checkpoint cannot be used, 1 anything else.
            """);
        foreach (var section in services.GetServices<SettingsSection>())
        {
            output.WriteLine();
            foreach (var setting in SettingKeys.Of(section))
            {
                var shown = Default(setting.Default);
                output.WriteLine($"--{setting.Key} {Value(setting.Type)}{(shown.Length == 0 ? string.Empty : $"   (default {shown})")}");
                foreach (var line in Wrapped(Documentation(setting.Property)))
                {
                    output.WriteLine($"    {line}");
                }
            }
        }
    }

    private static string Value(Type type) => type switch
    {
        _ when type == typeof(bool) => "true|false",
        _ when type == typeof(TimeSpan) => "hh:mm:ss",
        { IsEnum: true } => string.Join('|', Enum.GetNames(type)),
        _ when type == typeof(string) || type == typeof(Uri) => "TEXT",
        _ => "NUMBER",
    };

    private static string Default(object? value) => value switch
    {
        null => string.Empty,
        TimeSpan t => t.ToString("c", CultureInfo.InvariantCulture),
        bool b => b ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty,
    };

    /// <summary>The summary of a property in the XML documentation that is built beside its assembly; empty without such a file.</summary>
    private static string Documentation(PropertyInfo property)
    {
        var type = property.DeclaringType!;
        var assembly = Path.Combine(AppContext.BaseDirectory, $"{type.Assembly.GetName().Name}.xml");
        try
        {
            var member = XDocument.Load(assembly).Descendants("member").FirstOrDefault(m => (string?)m.Attribute("name") == $"P:{type.FullName}.{property.Name}");
            return member?.Element("summary") is { } summary ? string.Join(' ', Plain(summary).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) : string.Empty;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or XmlException)
        {
            return string.Empty;
        }
    }

    private static string Plain(XElement element) => string.Concat(element.Nodes().Select(n => n switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" } see => ((string?)see.Attribute("cref") ?? (string?)see.Attribute("langword") ?? string.Empty).Split('.', ':')[^1],
        XElement inner => Plain(inner),
        _ => string.Empty,
    }));

    private static IEnumerable<string> Wrapped(string text)
    {
        var line = new StringBuilder();
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + word.Length > Width)
            {
                yield return line.ToString();
                line.Clear();
            }

            line.Append(line.Length == 0 ? string.Empty : " ").Append(word);
        }

        if (line.Length > 0)
        {
            yield return line.ToString();
        }
    }
}

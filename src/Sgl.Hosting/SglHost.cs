using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Starting points for a service, as a process or inside another one.</summary>
public static class SglHost
{
    /// <summary>Prefix of environment variables; <c>SGL_Listen__Port=5102</c> sets <c>Listen:Port</c>.</summary>
    public const string EnvironmentPrefix = "SGL_";

    private static readonly Dictionary<string, string?> LogDefaults = new()
    {
        ["Logging:LogLevel:Default"] = "Information",
        ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
        ["Logging:LogLevel:Grpc"] = "Warning",
        ["Logging:Console:FormatterName"] = "simple",
        ["Logging:Console:FormatterOptions:SingleLine"] = "true",
        ["Logging:Console:FormatterOptions:UseUtcTimestamp"] = "true",
        ["Logging:Console:FormatterOptions:TimestampFormat"] = "yyyy-MM-ddTHH:mm:ss.fffZ ",
    };

    /// <summary>A builder for a process of its own: appsettings.json beside the program, then environment, then command line; later wins.</summary>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        var (_, _, readable) = GivenSettings.Parse(args);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = readable, ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = LogDefaults });

        // All formatters: the builder knows the simple one only, and Logging:Console:FormatterName may ask for json.
        builder.Logging.AddConsole();

        // What goes wrong at start is told by ServiceRunner, in a line instead of a stack trace.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        builder.Configuration.AddEnvironmentVariables(EnvironmentPrefix);
        builder.Configuration.AddCommandLine(readable);
        builder.Services.AddSingleton<ProcessMark>();
        builder.Services.AddSingleton<IValidateOptions<GivenSettings>, GivenSettingsValidator>();
        builder.Services.AddOptions<GivenSettings>().Configure(g => g.Arguments = args).ValidateOnStart();
        return builder;
    }

    /// <summary>A builder for use inside another process: nothing but the given settings is read.</summary>
    /// <param name="settings">Configuration keys and values, e.g. <c>Listen:Port</c>.</param>
    /// <param name="logging">Where the log goes; nowhere by default.</param>
    public static WebApplicationBuilder CreateEmbeddedBuilder(IEnumerable<KeyValuePair<string, string?>> settings, ILoggerFactory? logging = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        if (logging is not null)
        {
            builder.Services.AddSingleton(logging);
        }

        return builder;
    }

    // The surrounding process decides what a signal means.
    private sealed class EmbeddedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>Registered where a service is a process of its own.</summary>
internal sealed class ProcessMark;

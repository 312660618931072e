using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Sgl.Cli.Internal;

/// <summary>
/// The log of <c>sgl serve</c> on standard error: only warnings until the services are ready, so that progress bars stay whole; then what happens, but not
/// every call and probe, unless asked to be verbose.
/// </summary>
internal sealed class ServeLog : IDisposable
{
    private volatile bool _open;

    public ServeLog(bool verbose)
    {
        Factory = LoggerFactory.Create(builder =>
        {
            // A filter stands alone: the minimum level counts only where there is none.
            builder.SetMinimumLevel(LogLevel.Trace)
                .AddFilter((category, level) => level >= Least(category))

                // The command itself says why a service did not start.
                .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None)
                .AddSimpleConsole(o =>
                {
                    o.SingleLine = true;
                    o.TimestampFormat = "HH:mm:ss ";
                });
            builder.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        });

        LogLevel Least(string? category) => verbose ? LogLevel.Debug : _open && !IsChatty(category) ? LogLevel.Information : LogLevel.Warning;
    }

    /// <summary>Where the services log.</summary>
    public ILoggerFactory Factory { get; }

    /// <summary>From now on more than warnings is shown.</summary>
    public void Open() => _open = true;

    public void Dispose() => Factory.Dispose();

    private static bool IsChatty(string? category) => category is not null
        && (category.StartsWith("Microsoft.", StringComparison.Ordinal)
            || category.StartsWith("Grpc.", StringComparison.Ordinal)
            || category.EndsWith(".CallInterceptor", StringComparison.Ordinal));
}

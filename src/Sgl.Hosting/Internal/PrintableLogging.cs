using System.Collections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>
/// Between everything that logs, the framework included, and every log provider: what clients send reaches no log raw. Here and not at each call, so that
/// none can be forgotten.
/// </summary>
internal static class PrintableLogging
{
    /// <summary>Puts the filter in front of the logger factory that is registered so far.</summary>
    public static IServiceCollection AddPrintableLogging(this IServiceCollection services)
    {
        services.AddLogging();
        var registered = services.Last(d => d.ServiceType == typeof(ILoggerFactory));
        return services.AddSingleton<ILoggerFactory>(provider => registered switch
        {
            { ImplementationInstance: ILoggerFactory shared } => new PrintableLoggerFactory(shared, owned: false),
            { ImplementationFactory: { } create } => new PrintableLoggerFactory((ILoggerFactory)create(provider), owned: true),
            _ => new PrintableLoggerFactory(
                new LoggerFactory(
                    provider.GetServices<ILoggerProvider>(),
                    provider.GetRequiredService<IOptionsMonitor<LoggerFilterOptions>>(),
                    provider.GetRequiredService<IOptions<LoggerFactoryOptions>>(),
                    provider.GetService<IExternalScopeProvider>()),
                owned: true),
        });
    }

    private sealed class PrintableLoggerFactory(ILoggerFactory inner, bool owned) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => new PrintableLogger(inner.CreateLogger(categoryName), categoryName.StartsWith("Grpc.AspNetCore.Server", StringComparison.Ordinal));

        public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

        public void Dispose()
        {
            if (owned)
            {
                inner.Dispose();
            }
        }
    }

    private sealed class PrintableLogger(ILogger inner, bool ofFramework) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull =>
            PrintableState.IsNeeded(state, state.ToString()) ? inner.BeginScope(new PrintableState(state, state.ToString())) : inner.BeginScope(state);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            // The framework takes a message that it cannot read for an error of the service; it is the client's, who is told.
            if (ofFramework && FrameReader<object>.IsUnreadable(exception))
            {
                logLevel = LogLevel.Debug;
            }

            if (!inner.IsEnabled(logLevel))
            {
                return;
            }

            var text = formatter(state, exception);
            var printable = PrintableException.Of(exception);
            if (PrintableState.IsNeeded(state, text))
            {
                inner.Log(logLevel, eventId, new PrintableState(state, text), printable, static (s, _) => s.ToString());
            }
            else
            {
                inner.Log(logLevel, eventId, state, printable, (s, _) => formatter(s, exception));
            }
        }
    }

    /// <summary>The text and the named values of a log call, escaped.</summary>
    private sealed class PrintableState(object? state, string? text) : IReadOnlyList<KeyValuePair<string, object?>>
    {
        private readonly KeyValuePair<string, object?>[] _values =
            state is IEnumerable<KeyValuePair<string, object?>> values ? [.. values.Select(v => KeyValuePair.Create(v.Key, Escape(v.Value)))] : [];

        private readonly string _text = PrintableText.Escape(text ?? string.Empty);

        public int Count => _values.Length;

        public KeyValuePair<string, object?> this[int index] => _values[index];

        public static bool IsNeeded(object? state, string? text) =>
            !PrintableText.IsPrintable(text)
            || (state is IEnumerable<KeyValuePair<string, object?>> values && values.Any(v => v.Value is string s && !PrintableText.IsPrintable(s)));

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => ((IEnumerable<KeyValuePair<string, object?>>)_values).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => _text;

        private static object? Escape(object? value) => value switch
        {
            null or IConvertible and not string => value,
            _ when value.ToString() is { } shown && !PrintableText.IsPrintable(shown) => PrintableText.Escape(shown),
            _ => value,
        };
    }

    /// <summary>An exception whose messages are escaped; the lines of its stack trace stay lines.</summary>
    private sealed class PrintableException : Exception
    {
        private readonly Exception _original;

        private PrintableException(Exception original)
            : base(PrintableText.Escape(original.Message), Of(original.InnerException)) => _original = original;

        public override string? StackTrace => _original.StackTrace;

        public static Exception? Of(Exception? exception) => exception is not null && NeedsEscape(exception) ? new PrintableException(exception) : exception;

        public override string ToString()
        {
            var inner = InnerException is null ? string.Empty : $"{Environment.NewLine} ---> {InnerException}{Environment.NewLine}   --- End of inner exception stack trace ---";
            return $"{_original.GetType().FullName}: {Message}{inner}{Environment.NewLine}{StackTrace}";
        }

        private static bool NeedsEscape(Exception exception)
        {
            for (var e = exception; e is not null; e = e.InnerException)
            {
                if (!PrintableText.IsPrintable(e.Message) || (e is AggregateException many && many.InnerExceptions.Any(NeedsEscape)))
                {
                    return true;
                }
            }

            return false;
        }
    }
}

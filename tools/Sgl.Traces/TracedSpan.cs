using Sgl.Traces.Otlp;

namespace Sgl.Traces;

/// <summary>A span as a collector gets it.</summary>
/// <param name="Service">Name of the process it is from.</param>
/// <param name="Trace">Id of its trace, hexadecimal.</param>
/// <param name="Id">Its id, hexadecimal.</param>
/// <param name="Parent">Id of the span that it belongs to; empty: none.</param>
/// <param name="Name">Name.</param>
/// <param name="Start">Begin.</param>
/// <param name="End">End.</param>
/// <param name="Attributes">Values by name.</param>
/// <param name="Events">Names of events.</param>
/// <param name="Failed">Whether it says that it failed.</param>
internal sealed record TracedSpan(
    string Service,
    string Trace,
    string Id,
    string Parent,
    string Name,
    DateTimeOffset Start,
    DateTimeOffset End,
    IReadOnlyDictionary<string, object?> Attributes,
    IReadOnlyList<string> Events,
    bool Failed)
{
    private const int ErrorStatus = 2;
    private const int NanosecondsPerTick = 100;

    /// <summary>All spans of a message.</summary>
    public static IEnumerable<TracedSpan> Read(ExportTraceServiceRequest request) => request.ResourceSpans.SelectMany(
        resource => resource.ScopeSpans.SelectMany(s => s.Spans).Select(span => new TracedSpan(
            Values(resource.Resource.Attributes).GetValueOrDefault("service.name") as string ?? "",
            Hex(span.TraceId), Hex(span.SpanId), Hex(span.ParentSpanId), span.Name, Time(span.StartTimeUnixNano), Time(span.EndTimeUnixNano),
            Values(span.Attributes), [.. span.Events.Select(e => e.Name)], span.Status?.Code == ErrorStatus)));

    private static string Hex(Google.Protobuf.ByteString bytes) => Convert.ToHexStringLower(bytes.Span);

    private static DateTimeOffset Time(ulong nanoseconds) => DateTimeOffset.UnixEpoch.AddTicks((long)(nanoseconds / NanosecondsPerTick));

    private static Dictionary<string, object?> Values(IEnumerable<KeyValue> attributes) => attributes.ToDictionary(a => a.Key, a => Value(a.Value));

    private static object? Value(AnyValue value) => value.ValueCase switch
    {
        AnyValue.ValueOneofCase.StringValue => value.StringValue,
        AnyValue.ValueOneofCase.BoolValue => value.BoolValue,
        AnyValue.ValueOneofCase.IntValue => value.IntValue,
        AnyValue.ValueOneofCase.DoubleValue => value.DoubleValue,
        AnyValue.ValueOneofCase.ArrayValue => value.ArrayValue.Values.Select(Value).ToArray(),
        _ => null,
    };
}

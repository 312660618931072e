using System.Diagnostics;
using System.Net.Http.Headers;
using Grpc.Core;
using Microsoft.Extensions.Configuration;

namespace Sgl.Hosting.Tests;

public sealed class TracingTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    [Theory]
    [InlineData(false)]
    [InlineData(true, "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317")]
    [InlineData(true, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4317")]
    [InlineData(true, "Tracing:Endpoint=http://c:4317")]
    [InlineData(false, "Tracing:Endpoint=http://c:4317", "OTEL_SDK_DISABLED=true")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "OTEL_TRACES_EXPORTER=none")]
    [InlineData(false, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c:4317")]
    [InlineData(false, "OTEL_SERVICE_NAME=x")]
    public void IsOn_AsTheStandardVariablesSay(bool expected, params string[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Split('=')[0], (string?)s.Split('=', 2)[1]))).Build();

        Assert.Equal(expected, Tracing.IsOn(configuration));
    }

    [Theory]
    [InlineData("Tracing:Endpoint", "collector:4317")]
    [InlineData("Tracing:Endpoint", "/v1/traces")]
    [InlineData("Tracing:SampleRatio", "1.5")]
    [InlineData("Tracing:SampleRatio", "often")]
    [InlineData("Tracing:Protocol", "Carrier")]
    [InlineData("Tracing:Endpoints", "http://c:4317")]
    public async Task Start_WrongSetting_ToldWithItsKey(string key, string value)
    {
        using var output = new StringWriter();
        using var log = new ProbeLog();

        Assert.Equal(ServiceRunner.BadSettings, await ServiceRunner.RunAsync(() => ProbeHost.Build(log, null, (key, value)), output).WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.StartsWith($"error: {key} is ", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fine", "OK")]
    [InlineData("fault", "InvalidArgument")]
    [InlineData("overloaded", "ResourceExhausted")]
    public async Task Call_WhateverBecomesOfIt_OneLineWithOutcomeTimeAndTrace(string act, string code)
    {
        await using var host = await ProbeHost.StartAsync();
        var headers = new Metadata { { "traceparent", $"00-{Trace}-00f067aa0ba902b7-01" }, { "x-request-id", "mine" } };

        await Record.ExceptionAsync(async () => await host.Client.UnaryAsync(new ProbeRequest { Act = act }, headers));

        // The line is written before the answer's last frame is.
        var line = Assert.Single(host.Log.Lines, l => l.StartsWith("Information /sgl.testing.Probe/Unary ", StringComparison.Ordinal));
        Assert.Matches($@"^Information /sgl\.testing\.Probe/Unary {code} in [0-9.]+ ms, trace {Trace}, mine", line);
    }

    [Fact]
    public void RequestLine_OfAQuestion_HasWhatBecameOfItAsTextAndAsValues()
    {
        var context = new Microsoft.AspNetCore.Http.DefaultHttpContext { TraceIdentifier = "id" };
        context.User = new(new System.Security.Claims.ClaimsIdentity([new("name", "alice")], "test", "name", null));
        new RequestSummary
        {
            Path = "escalated",
            Explanation = "decision 0.5 is below the threshold 0.7",
            Score = 0.5,
            Threshold = 0.7,
            PromptTokens = 300,
            GeneratedTokens = 12,
            FirstToken = TimeSpan.FromMilliseconds(41.25),
        }.Attach(context);
        var log = new OneLine();

        Internal.RequestLine.Write(log, Microsoft.Extensions.Logging.LogLevel.Information, context, "/m", StatusCode.OK, TimeSpan.FromMilliseconds(100));

        Assert.Equal("/m OK in 100.0 ms, escalated (decision 0.5 is below the threshold 0.7), score 0.5 of 0.7, tokens 300+12, first after 41.3 ms, key alice, id", log.Text);
        Assert.Equal(("escalated", 0.5, 300L, "alice"), (log.Values["Path"], log.Values["Score"], log.Values["PromptTokens"], log.Values["Key"]));
    }

    [Fact]
    public async Task Scrape_AsOpenMetrics_BucketsLeadToTracesThatAreRecorded()
    {
        await using var host = await ProbeHost.StartAsync();
        Observe(recorded: true, 0.2);
        Observe(recorded: false, 5);

        var classic = await host.MetricsTextAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Endpoints.Metrics!, "/metrics"));
        request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse("application/openmetrics-text;version=1.0.0"));
        using var response = await host.Http.SendAsync(request);
        var open = await response.Content.ReadAsStringAsync();

        Assert.Equal("application/openmetrics-text", response.Content.Headers.ContentType!.MediaType);
        Assert.EndsWith("# EOF\n", open, StringComparison.Ordinal);
        Assert.Contains($"trace_id=\"{Trace}\"", Assert.Single(open.Split('\n'), l => l.StartsWith("sgl_e2e_request_latency_seconds_bucket", StringComparison.Ordinal) && l.Contains("trace_id", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.DoesNotContain("trace_id", classic, StringComparison.Ordinal);

        void Observe(bool recorded, double seconds)
        {
            using var activity = new Activity("request").SetParentId(ActivityTraceId.CreateFromString(Trace), ActivitySpanId.CreateRandom(), recorded ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None);
            activity.ActivityTraceFlags = recorded ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None;
            activity.Start();
            host.Metrics.EndToEnd.Observe(seconds);
        }
    }

    private sealed class OneLine : Microsoft.Extensions.Logging.ILogger
    {
        public string Text { get; private set; } = "";

        public Dictionary<string, object?> Values { get; private set; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

        public void Log<TState>(
            Microsoft.Extensions.Logging.LogLevel logLevel, Microsoft.Extensions.Logging.EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Text = formatter(state, exception);
            Values = ((IEnumerable<KeyValuePair<string, object?>>)state!).ToDictionary(v => v.Key, v => v.Value);
        }
    }
}

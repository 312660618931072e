using System.Globalization;
using Sgl.EngineBridge;

namespace Sgl.Cli.Internal;

/// <summary>The settings of each of the three services of one process.</summary>
internal static class LocalServiceSettings
{
    public static Dictionary<string, string?> Small(LocalServicesOptions options) => options.SmallEngine is { } engine
        ? Bridge(options, 1, engine, BridgeRole.Small)
        : Model(options, 1, options.Small, options.SmallPlacement);

    public static Dictionary<string, string?> Large(LocalServicesOptions options)
    {
        if (options.LargeEngine is { } engine)
        {
            return Bridge(options, 2, engine, BridgeRole.Large);
        }

        var settings = Model(options, 2, options.Large, options.LargePlacement);
        for (var i = 0; i < options.PruneLayers.Count; i++)
        {
            settings[$"Engine:PruneLayers:{i}"] = Number(options.PruneLayers[i]);
        }

        return settings;
    }

    public static Dictionary<string, string?> Router(LocalServicesOptions options, Uri small, Uri large)
    {
        var settings = Listening(options, 0);
        settings["Router:Small:Address"] = small.GetLeftPart(UriPartial.Authority);
        settings["Router:Large:Address"] = large.GetLeftPart(UriPartial.Authority);

        // A request at a terminal waits for its answer; somebody who does not want to presses Ctrl+C.
        settings["Router:Small:Timeout"] = settings["Router:Large:Timeout"] = "01:00:00";
        if (options.HttpPort is { } http)
        {
            settings["Listen:HttpPort"] = Number(http);
        }

        foreach (var (key, value) in options.Router)
        {
            settings[key] = value;
        }

        return settings;
    }

    private static Dictionary<string, string?> Model(LocalServicesOptions options, int place, string checkpoint, string? placement)
    {
        var settings = Listening(options, place);
        settings["Engine:Checkpoint"] = checkpoint;
        AddPictures(settings, options);
        if (options.Weights is { } weights)
        {
            settings["Engine:Weights"] = weights;
        }

        if (placement is not null)
        {
            settings["Engine:Placement"] = placement;
        }

        return settings;
    }

    private static Dictionary<string, string?> Bridge(LocalServicesOptions options, int place, ForeignEngine engine, BridgeRole role)
    {
        var settings = Listening(options, place);
        AddPictures(settings, options);
        settings["Bridge:Role"] = role.ToString();
        foreach (var (key, value) in engine.Settings)
        {
            settings[key] = value;
        }

        return settings;
    }

    private static void AddPictures(Dictionary<string, string?> settings, LocalServicesOptions options)
    {
        settings["Requests:ApplyExifOrientation"] = options.Pictures.ApplyExifOrientation.ToString();
        settings["Requests:Alpha"] = options.Pictures.Alpha.ToString();
    }

    private static Dictionary<string, string?> Listening(LocalServicesOptions options, int place)
    {
        var settings = new Dictionary<string, string?>
        {
            // The model services ask nobody who they are; on this machine the router finds them here.
            ["Listen:Address"] = place == 0 ? options.Address : "localhost",
            ["Listen:Port"] = Number(options.Port == 0 ? 0 : options.Port + place),
            ["Listen:DrainTimeout"] = options.DrainTimeout.ToString("c", CultureInfo.InvariantCulture),
        };
        if (options.MetricsPort is { } metrics)
        {
            settings["Listen:MetricsPort"] = Number(metrics == 0 ? 0 : metrics + place);
        }

        return settings;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}

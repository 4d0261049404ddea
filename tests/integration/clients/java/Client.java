// mixpanel-java over HTTPS. Arguments: the input file.
import com.mixpanel.mixpanelapi.ClientDelivery;
import com.mixpanel.mixpanelapi.MessageBuilder;
import com.mixpanel.mixpanelapi.MixpanelAPI;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.json.JSONArray;
import org.json.JSONObject;

public class Client {
    static void trust(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
    }

    static JSONObject message(MessageBuilder builder, JSONObject given) {
        JSONObject properties = new JSONObject(given.getJSONObject("properties").toString());
        JSONObject identity = given.getJSONObject("identity");
        for (String name : identity.keySet()) {
            if (!name.equals("distinct_id")) properties.put(name, identity.get(name));
        }
        properties.put("time", given.getLong("time") * 1000);
        return builder.event(identity.optString("distinct_id"), given.getString("event"), properties);
    }

    public static void main(String[] arguments) throws Exception {
        JSONObject given = new JSONObject(Files.readString(Path.of(arguments[0])));
        trust(given.getString("ca"));
        String url = given.getString("url");
        MixpanelAPI api = new MixpanelAPI(url + "/track", url + "/engage", url + "/groups");
        MessageBuilder builder = new MessageBuilder(given.getString("token"));
        ClientDelivery delivery = new ClientDelivery();
        JSONArray events = new JSONArray(), profiles = new JSONArray(), groups = new JSONArray();
        for (Object each : given.getJSONArray("events")) {
            JSONObject event = (JSONObject) each;
            delivery.addMessage(message(builder, event));
            events.put(event.getJSONObject("properties").get("n"));
        }
        for (String id : given.getJSONObject("profiles").keySet()) {
            delivery.addMessage(builder.set(id, given.getJSONObject("profiles").getJSONObject(id)));
            profiles.put(id);
        }
        for (String key : given.getJSONObject("groups").keySet()) {
            JSONObject ofKey = given.getJSONObject("groups").getJSONObject(key);
            for (String id : ofKey.keySet()) {
                delivery.addMessage(builder.groupSet(key, id, ofKey.getJSONObject(id)));
                groups.put(new JSONArray().put(key).put(id));
            }
        }
        api.deliver(delivery);
        System.out.println(new JSONObject().put("events", events).put("profiles", profiles).put("groups", groups));
    }
}
